/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.reflection.v1 and v1alpha, by which a client learns what is served. Both have the same messages. */
#include "ateom/reflection.h"

#include "reflection-v1.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVICES_MAX 8

/* protoc-c's names are long. */
typedef Grpc__Reflection__V1__ServerReflectionRequest reflection_request;
typedef Grpc__Reflection__V1__ServerReflectionResponse reflection_response;

static void reflection_pack(const reflection_response *response, struct rpc_reply *ret_reply)
{
	ret_reply->body = malloc(grpc__reflection__v1__server_reflection_response__get_packed_size(response));
	if (!ret_reply->body) {
		ret_reply->code = RPC_RESOURCE_EXHAUSTED;
		return;
	}
	ret_reply->len = grpc__reflection__v1__server_reflection_response__pack(response, ret_reply->body);
}

/* What can't be answered is an answer, too: the stream goes on. */
static void reflection_miss(reflection_response response, struct rpc_reply *ret_reply)
{
	Grpc__Reflection__V1__ErrorResponse miss = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
	char text[] = "not found";

	miss.error_code = RPC_NOT_FOUND;
	miss.error_message = text;
	response.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
	response.error_response = &miss;
	reflection_pack(&response, ret_reply);
}

static void reflection_list(reflection_response response, struct rpc_reply *ret_reply)
{
	Grpc__Reflection__V1__ListServiceResponse list = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
	Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX], *pointers[SERVICES_MAX];

	for (size_t i = 0; i < reflection_n_files && i < SERVICES_MAX; i++) {
		grpc__reflection__v1__service_response__init(&services[i]);
		services[i].name = (char *)(uintptr_t)reflection_files[i].service;
		pointers[list.n_service++] = &services[i];
	}
	list.service = pointers;
	response.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
	response.list_services_response = &list;
	reflection_pack(&response, ret_reply);
}

static void reflection_file(reflection_response response, const struct reflection_file *file,
			    struct rpc_reply *ret_reply)
{
	Grpc__Reflection__V1__FileDescriptorResponse answer =
		GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
	ProtobufCBinaryData bytes;

	if (!file) {
		reflection_miss(response, ret_reply);
		return;
	}
	bytes = (ProtobufCBinaryData){ .len = file->size, .data = (uint8_t *)(uintptr_t)file->descriptor };
	answer.n_file_descriptor_proto = 1;
	answer.file_descriptor_proto = &bytes;
	response.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
	response.file_descriptor_response = &answer;
	reflection_pack(&response, ret_reply);
}

/* No message of ours has extensions. */
static void reflection_extensions(reflection_response response, char *type, struct rpc_reply *ret_reply)
{
	Grpc__Reflection__V1__ExtensionNumberResponse none =
		GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;

	none.base_type_name = type;
	response.message_response_case =
		GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
	response.all_extension_numbers_response = &none;
	reflection_pack(&response, ret_reply);
}

static bool file_defines(const struct reflection_file *file, const char *symbol)
{
	for (const char *const *known = file->symbols; *known; known++)
		if (!strcmp(*known, symbol))
			return true;
	return false;
}

static const struct reflection_file *file_by_name(const char *name)
{
	for (size_t i = 0; i < reflection_n_files; i++)
		if (!strcmp(reflection_files[i].name, name))
			return &reflection_files[i];
	return NULL;
}

static const struct reflection_file *file_by_symbol(const char *symbol)
{
	for (size_t i = 0; i < reflection_n_files; i++)
		if (file_defines(&reflection_files[i], symbol))
			return &reflection_files[i];
	return NULL;
}

static void reflection_choose(const reflection_request *request, reflection_response response,
			      struct rpc_reply *ret_reply)
{
	/* As a number: the name of its last value, which only makes it an int, differs between versions of protoc-c. */
	switch ((int)request->message_request_case) {
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
		reflection_list(response, ret_reply);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
		reflection_file(response, file_by_name(request->file_by_filename), ret_reply);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
		reflection_file(response, file_by_symbol(request->file_containing_symbol), ret_reply);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
		if (file_by_symbol(request->all_extension_numbers_of_type))
			reflection_extensions(response, request->all_extension_numbers_of_type, ret_reply);
		else
			reflection_miss(response, ret_reply);
		return;
	case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
		reflection_miss(response, ret_reply);
		return;
	default:
		ret_reply->code = RPC_INVALID_ARGUMENT;
		snprintf(ret_reply->message, sizeof(ret_reply->message), "the request asks for nothing");
	}
}

void reflection_answer(const struct rpc_call *call, struct rpc_reply *ret_reply, void *data)
{
	reflection_request *request =
		grpc__reflection__v1__server_reflection_request__unpack(NULL, call->len, call->body);
	reflection_response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

	(void)data;
	if (!request) {
		ret_reply->code = RPC_INVALID_ARGUMENT;
		snprintf(ret_reply->message, sizeof(ret_reply->message),
			 "the message is no ServerReflectionRequest");
		return;
	}
	response.valid_host = request->host;
	response.original_request = request;
	reflection_choose(request, response, ret_reply);
	grpc__reflection__v1__server_reflection_request__free_unpacked(request, NULL);
}
